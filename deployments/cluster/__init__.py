"""Generation of parts of cluster.yaml and k8s/, and checks of both that need no Kubernetes."""
