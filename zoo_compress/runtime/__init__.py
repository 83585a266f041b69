"""ONNX Runtime: sessions, evaluators and the publish gate."""
