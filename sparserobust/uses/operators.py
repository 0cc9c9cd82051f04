"""Kinds of operators that multiply no two tensors and sum: what becomes of the weights in their arguments."""

from __future__ import annotations

from functools import cache

import torch
from torch._ops import OpOverload

MOVING = """
    _to_copy clone contiguous _reshape_alias _unsafe_view cat stack index_select index gather take take_along_dim
    constant_pad_nd reflection_pad1d reflection_pad2d reflection_pad3d replication_pad1d replication_pad2d
    replication_pad3d flip roll rot90 repeat repeat_interleave tril triu unfold_copy im2col col2im
    pixel_shuffle pixel_unshuffle channel_shuffle native_channel_shuffle
    slice_scatter select_scatter diagonal_scatter as_strided_scatter index_put _unsafe_index _unsafe_index_put
    index_copy scatter masked_scatter unsafe_split unsafe_split_with_sizes unsafe_chunk block_diag
    copy fill masked_fill masked_select where lift lift_fresh diag_embed
    transpose t squeeze unsqueeze swapdims resize as_strided detach
    upsample_nearest1d upsample_nearest2d upsample_nearest3d
    _upsample_nearest_exact1d _upsample_nearest_exact2d _upsample_nearest_exact3d
"""
"""Entries change places, or some of them."""

NORMALISING = """
    native_layer_norm native_group_norm native_batch_norm cudnn_batch_norm miopen_batch_norm _native_batch_norm_legit
    _native_batch_norm_legit_no_training _native_batch_norm_legit_functional _batch_norm_no_update
    batch_norm_inference _fused_rms_norm _softmax _log_softmax _safe_softmax _masked_softmax softmax
    renorm _weight_norm_interface _fused_moving_avg_obs_fq_helper cumsum cumprod native_dropout
    _prelu_kernel rrelu_with_noise log_sigmoid_forward glu
"""
"""Entries stay where they are and what they are divided by or added to is shared; the first argument counts."""

SUMMARISING = """
    mean sum nansum prod amax amin max min aminmax norm linalg_vector_norm linalg_norm std var std_mean var_mean
    logsumexp argmax argmin any all count_nonzero median nanmedian mode
    avg_pool1d avg_pool2d avg_pool3d max_pool2d_with_indices max_pool3d_with_indices
    _adaptive_avg_pool2d _adaptive_avg_pool3d adaptive_max_pool2d adaptive_max_pool3d max_pool2d
    mkldnn_max_pool2d fractional_max_pool2d embedding_bag
    upsample_linear1d upsample_bilinear2d upsample_bicubic2d upsample_trilinear3d
    _upsample_bilinear2d_aa _upsample_bicubic2d_aa
"""
"""Many entries become one."""

LIKE = """
    zeros_like ones_like full_like empty_like rand_like randn_like new_zeros new_ones new_full new_empty
    new_empty_strided empty_strided size sym_size stride numel dim is_same_size
"""
"""The result takes shape and type, and no entry."""

DECIDING = """
    _local_scalar_dense item equal isfinite isnan topk kthvalue sort argsort nonzero unique _unique2 bernoulli
    multinomial searchsorted bucketize one_hot histc bincount
"""
"""The result says which entries, or how many; no weight can be sparse through it."""

ENTRYWISE = """
    hardswish hardsigmoid hardshrink softshrink mish elu selu celu threshold nan_to_num logit xlogy relu6 hardtanh
    heaviside masked_scale fake_quantize_per_tensor_affine
    fake_quantize_per_tensor_affine_cachemask _fake_quantize_per_tensor_affine_cachemask_tensor_qparams
    fake_quantize_per_channel_affine fake_quantize_per_channel_affine_cachemask
    _fake_quantize_learnable_per_tensor_affine _fake_quantize_learnable_per_channel_affine

"""
"""Entry by entry, where torch has no tag that says so."""

LOOKUPS = frozenset(
    {"embedding", "embedding_bag", "_embedding_bag", "_embedding_bag_forward_only"}
    | {"index"}
    | {"index_select", "gather", "take", "take_along_dim", "_unsafe_index"}
)
"""A table and the places that are read in it."""

_LISTED = {
    name: kind
    for kind, names in (
        ("moving", f"{MOVING} embedding"),
        ("normalising", NORMALISING),
        ("summarising", SUMMARISING),
        ("like", LIKE),
        ("deciding", DECIDING),
        ("entrywise", ENTRYWISE),
    )
    for name in names.split()
}


@cache
@cache
def base_name(op: OpOverload) -> str:
    """The operator without overload, without namespace where that is torch's own, and of one in place the other."""
    name: str = op._schema.name.removeprefix("aten::")
    return name.removesuffix("_") if op._schema.is_mutable and not name.endswith("__") else name


@cache
@cache
def kind_of(op: OpOverload) -> str:
    """One of the kinds above, or "unknown" for an operator without a rule here."""
    if listed := _LISTED.get(base_name(op)):
        return listed
    if op.is_view:
        return "moving"
    return "entrywise" if torch.Tag.pointwise in op.tags else "unknown"
