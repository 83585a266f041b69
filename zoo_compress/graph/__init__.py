"""Model graphs in onnx-ir: reading, sites, decode subgraphs, rewrites and writing."""
