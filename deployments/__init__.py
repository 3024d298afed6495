"""The Ray Serve applications. Importing any of them limits what reaches this process's replica, and from where."""

from deployments.binding import bind_to_node_address
from deployments.http_server import limit_replica_server

bind_to_node_address()
limit_replica_server()
