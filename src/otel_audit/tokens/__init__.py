"""Tokens that a request brings to prove who makes it, checked against configured keys.

The application has checked them already, or not: the log believes a token only where it can check it by itself.
Checks run on the thread that makes records, never on one of the application's. A token's text is used for the
check and then gone; what stays is a verdict from closed vocabularies.
"""
