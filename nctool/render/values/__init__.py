"""What a document is shown by, worked out once; terminal, page and figure only draw it.

Plain values of the standard library: no markup, no sizes, no colours, nothing to install.
"""
