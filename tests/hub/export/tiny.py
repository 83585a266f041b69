"""Models of common architectures, with a few thousand weights each."""

import json
from pathlib import Path
from typing import Any

ENCODER = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
}
TEXT = {**ENCODER, "vocab_size": 120, "max_position_embeddings": 64}
IMAGE = {**ENCODER, "image_size": 32, "patch_size": 8}
CONVNEXT = {"hidden_sizes": [8, 16, 16, 16], "depths": [1, 1, 1, 1], "image_size": 32}
SWIN = {
    "image_size": 32,
    "patch_size": 4,
    "embed_dim": 16,
    "depths": [1, 1],
    "num_heads": [2, 2],
    "window_size": 4,
}
DISENTANGLED = {
    **TEXT,
    "type_vocab_size": 0,
    "relative_attention": True,
    "pos_att_type": ["p2c", "c2p"],
}
WAVEFORM = {
    **ENCODER,
    "conv_dim": (16,) * 7,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 2,
    "classifier_proj_size": 16,
}
SPECIAL = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}

ARCHITECTURES: dict[str, dict[str, Any]] = {
    "AlbertForSequenceClassification": {**TEXT, "embedding_size": 16},
    "BertModel": TEXT,
    "BertForSequenceClassification": TEXT,
    "BertForTokenClassification": TEXT,
    "CamembertModel": {**TEXT, "type_vocab_size": 1},
    "DebertaForSequenceClassification": DISENTANGLED,
    "DebertaV2ForSequenceClassification": {**DISENTANGLED, "position_buckets": 16},
    "DistilBertForSequenceClassification": {
        "dim": 32,
        "n_layers": 2,
        "n_heads": 2,
        "hidden_dim": 64,
        "vocab_size": 120,
        "max_position_embeddings": 64,
    },
    "ElectraModel": {**TEXT, "embedding_size": 32},
    "ModernBertModel": {**TEXT, **SPECIAL, "cls_token_id": 1, "sep_token_id": 2},
    "MPNetModel": TEXT,
    "RobertaForSequenceClassification": {**TEXT, "type_vocab_size": 1},
    "XLMRobertaModel": {**TEXT, "type_vocab_size": 1},
    "BeitForImageClassification": IMAGE,
    "ConvNextForImageClassification": CONVNEXT,
    "ConvNextV2ForImageClassification": CONVNEXT,
    "DeiTForImageClassification": IMAGE,
    "DeiTForImageClassificationWithTeacher": IMAGE,
    "Dinov2Model": IMAGE,
    "EfficientNetForImageClassification": {
        "image_size": 32,
        "width_coefficient": 0.25,
        "depth_coefficient": 0.3,
        "hidden_dim": 320,
    },
    "LevitForImageClassification": {
        "image_size": 64,
        "hidden_sizes": [16, 16, 16],
        "num_attention_heads": [2, 2, 2],
        "depths": [1, 1, 1],
        "key_dim": [8, 8, 8],
    },
    "MobileNetV1ForImageClassification": {"image_size": 32, "depth_multiplier": 0.25},
    "MobileNetV2ForImageClassification": {"image_size": 32, "depth_multiplier": 0.25},
    "MobileViTForImageClassification": {
        "image_size": 64,
        "hidden_sizes": [16, 16, 16],
        "neck_hidden_sizes": [8, 8, 8, 8, 8, 8, 16],
        "num_attention_heads": 2,
    },
    "RegNetForImageClassification": {
        "embedding_size": 8,
        "hidden_sizes": [8, 16],
        "depths": [1, 1],
        "groups_width": 8,
    },
    "ResNetForImageClassification": {
        "embedding_size": 8,
        "hidden_sizes": [8, 16],
        "depths": [1, 1],
        "layer_type": "basic",
    },
    "SegformerForImageClassification": {
        "hidden_sizes": [8, 8, 8, 8],
        "depths": [1, 1, 1, 1],
        "num_attention_heads": [1, 1, 1, 1],
        "decoder_hidden_size": 16,
    },
    "SwinForImageClassification": SWIN,
    "Swinv2ForImageClassification": SWIN,
    "ViTForImageClassification": IMAGE,
    "ViTModel": IMAGE,
    "ASTForAudioClassification": {**ENCODER, "max_length": 64, "num_mel_bins": 32},
    "HubertModel": WAVEFORM,
    "Wav2Vec2ForSequenceClassification": WAVEFORM,
    "WavLMForSequenceClassification": WAVEFORM,
    "WhisperForAudioClassification": {
        **SPECIAL,
        "d_model": 32,
        "encoder_layers": 2,
        "encoder_attention_heads": 2,
        "encoder_ffn_dim": 64,
        "num_mel_bins": 16,
        "max_source_positions": 50,
        "vocab_size": 120,
        "classifier_proj_size": 16,
        "decoder_start_token_id": 1,
    },
}
"""Class of transformers -> the keys of its configuration."""


def tiny_model(architecture: str, **changes: Any) -> Any:
    """Build a model whose outputs depend on its inputs, unlike those of some initialisations."""
    import torch
    import transformers

    cls = getattr(transformers, architecture)
    torch.manual_seed(0)
    model = cls(cls.config_class(**ARCHITECTURES[architecture], **changes)).eval()
    for weight in model.parameters():
        if weight.dim() > 1:
            torch.nn.init.normal_(weight, std=(2 / weight[0].numel()) ** 0.5)
    return settle(model)


def settle(model: Any) -> Any:
    """Let batch normalisations see images once: before, deep models return next to nothing."""
    import torch

    kind = torch.nn.modules.batchnorm._BatchNorm
    norms = [module for module in model.modules() if isinstance(module, kind)]
    for norm in norms:
        norm.momentum = 1.0
    if norms:
        side = getattr(model.config, "image_size", 32)
        with torch.no_grad():
            model.train()(torch.randn(4, 3, side, side))
    return model.eval()


def save(model: Any, folder: Path, **options: Any) -> Path:
    """Save a model as the Hub's layout has it, and return the folder."""
    from zoo_compress.runtime.torch_export import silence

    with silence():
        model.save_pretrained(folder, **options)
    if model.main_input_name == "pixel_values" and not hasattr(model.config, "image_size"):
        size = {"size": {"height": 32, "width": 32}, "do_normalize": False}
        (folder / "preprocessor_config.json").write_text(json.dumps(size), "utf-8")
    return folder
