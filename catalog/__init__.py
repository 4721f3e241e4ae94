"""What exists: ids, divisions, the derivation of city and county, channels, syncs, and the tree.

Knows neither SIP nor XML nor SQL; imports nothing of the other packages. Import the submodules.
"""
