"""Who it is, as the application and its frameworks know it: into the notes of the request, never onto a span."""
