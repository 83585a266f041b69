"""Export repositories that hold safetensors and no ONNX."""
