"""A media node in a process of its own: pictures never hold up signalling.

`node.WorkerNode` stands in the signalling process and starts `child`, which runs the node of
`media.inprocess` at the other end of a socket pair. `messages` says what they tell each other,
`wire` how it is written. `serving` is the worker's own port for players. `relay` is a worker on
another host, `remote` the node that calls it, `secret` what they have in common.
"""
