"""The masking room: the only way from an unmasked batch to anything that may touch a disk.

``masker.py`` is the door: ``Masker(policy).mask(unmasked) -> MaskedBatch``. Inside, in the order of the work:

- ``models.py`` decides which records concern a model with the PII tag, ``withhold.py`` takes their inputs out;
- ``columns.py`` finds every string leaf and key of the schema and puts changed ones back;
- ``trigger.py`` is one RE2 pattern that runs over whole columns (``hits.py``) and lets only entries through that
  could change (``leaves.py``, ``cells.py``);
- ``judge.py`` finds what must be masked in one text: ``recognizers.py`` says what personal data and credentials
  look like, ``search.py`` looks for it, ``decode.py``, ``folding.py`` and ``encoded_runs.py`` undo disguises,
  ``cards.py``, ``numbers.py``, ``phones.py``, ``validators.py`` and ``credentials.py`` tell it from what only
  looks like it;
- ``json_text.py`` does so leaf by leaf and key by key in JSON texts (``json_leaves.py`` where few leaves matter,
  else ``json_walk.py``); ``joined.py`` over texts that are read one after the other (``neighbours.py``,
  ``chunks.py``);
- ``policy.py`` says what happens to a finding, ``operators.py`` does it, ``evidence.py`` tells what was done.
"""
