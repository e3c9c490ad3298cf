"""What an application is asked and what it answers, seen at the door between it and its server.

::

    wsgi.py         any WSGI application; the public middleware
    wsgi_input.py   what it reads of a request
    asgi.py         any ASGI application; likewise
    patches.py      the doors of Flask, Django, Starlette and OpenTelemetry's own middleware, as long as something
                    is captured
"""
