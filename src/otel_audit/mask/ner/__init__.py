"""Names of persons and places, which no pattern finds: an engine of named-entity recognition looks for them.

``names.py`` is the pass over a batch, after everything else was masked. It asks ``process.py``, which has the engine
in a process of its own, where ``answering.py`` runs; ``port.py`` is what an engine does, ``presidio.py`` is one. Off
unless ``[ner]`` is set, since an engine takes some hundred times longer than all of our recognisers together.
"""
