"""Pure tensor-to-tensor functions: no ONNX, no files, no state."""
