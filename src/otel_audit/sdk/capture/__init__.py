"""Bodies and headers of the HTTP calls that an application serves and makes, seen as they go by.

::

    active.py      what is captured in this process, by the settings in force
    exchange.py    one call, and the span whose record holds it
    body.py        one body: what is kept of it, until its record is written
    memory.py      what all of them may take together
    decoding.py    content encodings undone, on our thread, within bounds
    headers.py     which headers are kept, within bounds
    inference.py   whose content instrumentations are told to leave out
    servers/       frameworks and middleware
    clients/       requests, urllib3, httpx, aiohttp

Nothing here waits, copies more than is kept, or raises into the application.
"""
