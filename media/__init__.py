"""Media: packets to players.

RTP over UDP and TCP comes in, access units are taken out of it, and viewers get them in the
container they ask for.  The package knows stream ids and ports; it knows no devices, no SIP and
no settings.  Signalling meets it at `media.node.MediaNode`.
"""
