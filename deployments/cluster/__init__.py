"""cluster.yaml and k8s/: what of them is generated, and what is checked of them without a Kubernetes at hand."""
