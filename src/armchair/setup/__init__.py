"""`armchair setup`: brings a machine to what site mode needs, or says what is missing.

site     the names of everything        texts    units and settings as text
things   accounts, directories, files: are they as they should be, and make them so
plan     which things a site has        check    what only looking at the whole shows
"""
