"""The masking room: the only way from an unmasked batch to anything that may touch a disk.

``masker.py`` is the door: ``Masker(policy).mask(unmasked) -> MaskedBatch``. Inside, in the order of the work:

- ``models.py`` decides which records concern a model with the PII tag, ``withhold.py`` takes their inputs out;
- ``columns.py`` finds every string leaf and key of the schema and puts changed ones back;
- ``judge.py`` finds what must be masked in one text: its *trigger*, one RE2 pattern, runs over whole columns
  and lets only cells through that could change; for those ``recognizers.py`` says what personal data and
  credentials look like, ``decode.py`` undoes the disguises, ``validators.py`` checks numbers;
- ``json_text.py`` does the same leaf by leaf and key by key in JSON texts, ``credentials.py`` by names;
- ``policy.py`` says what happens to a finding, ``operators.py`` does it, ``evidence.py`` tells what was done.
"""
