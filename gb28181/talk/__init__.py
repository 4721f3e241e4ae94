"""Speech to devices: broadcast and two-way talk (GB/T 28181-2022 9.12, 2016 the same and `s=Talk`).

reasons.py       why a target does not hear (any more), in words
offer.py         the SDP of both ways
leg.py           the machine of one target, from the notification to BYE
conversation.py  the machine of a talk: its source, its targets, its end
targets.py       whom a talk is for: voice outputs, channels, whole devices
dialogs.py       the SIP side: the device's INVITE to us, or ours to it
line.py          performs what a leg decides
voices.py        recorded speech in the data directory
service.py       all talks of a node
"""
