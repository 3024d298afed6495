"""The Ray Serve applications. Importing any of them keeps this process's replica off the other interfaces."""

from deployments.binding import bind_to_node_address

bind_to_node_address()
