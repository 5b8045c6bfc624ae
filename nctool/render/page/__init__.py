"""The parts of the HTML report: what each shows is worked out here, how it looks in the templates.

Python places and words things, ``*.jinja`` writes them down, ``style.css`` and ``script.js`` are
put into the page as they are.
"""
