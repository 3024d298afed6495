"""What the product is compared with: Pipecat, the least that Ray Serve costs, and the least that Python costs."""
