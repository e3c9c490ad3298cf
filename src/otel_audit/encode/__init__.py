"""Record batches as the bytes of files, with digest and statistics.

::

    files = encode_partitions(batches, "parquet", "zstd", open_sink=lambda number: open_somewhere(number))
    for number, file in enumerate(files):
        file.hours, file.sha256, file.rows, ...     # one file an hour

This room opens no file: the spool gives the sinks, and makes what went through them durable.
"""
