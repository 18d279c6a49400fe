"""The fast forms as OpenVINO's graphs on a CPU: converted, kept beside the weights, computed."""
