"""Pulling pictures: INVITE dialogs, what they hold (SSRC, port, node), and the viewers they serve.

model.py     words: kinds, states, reasons, the view the API shows
ssrc.py      the SSRC values of our domain, leased and rested
offer.py     the GB SDP we send and what we believe of the answer
call.py      machine of one INVITE dialog (one session of the API)
pull.py      machine of one stream: calls one after the other while somebody looks
ledger.py    the one place that knows what every dialog holds
dialing.py   SIP side of a call: INVITE, ACK, BYE and their answers
service.py   the shell that joins machines, media node, store and bus
aftermath.py what a previous run left behind: BYE to its dialogs, rest for its SSRCs
"""
