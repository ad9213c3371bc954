"""Laws: predicted errors and widths, as functions, and the statistics to hold them against measurements.

Predictions are not theorems: each docstring says where its formula comes from and how well it was checked.
"""

from slt.laws.all_targets import all_targets_error, all_targets_quantile, all_targets_tail
from slt.laws.attention import (
    attention_error_slope,
    best_initial_scale,
    largest_residual_quantile,
    needed_attention_width,
    no_residual_beyond_probability,
    output_error_quantile,
    scaled_error_quantile,
)
from slt.laws.attention_theorem import (
    AttentionWidths,
    BlockWidths,
    attention_widths,
    block_widths,
    transformer_widths,
)
from slt.laws.exact_hits import (
    needed_perturbed_items,
    needed_quantised_items,
    perturbed_exact_probability,
    quantised_exact_probability,
)
from slt.laws.fewest_items import fewest_items_tail
from slt.laws.fixed_size import fixed_size_geometric_mean, fixed_size_quantile, fixed_size_tail
from slt.laws.golden_ratio import (
    all_bins_filled,
    golden_ratio_bound,
    hyperbolic_bin_probability,
    needed_samples,
)
from slt.laws.item_laws import NORMAL, NORMAL_PRODUCT, UNIFORM, UNIFORM_PRODUCT, ItemLaw
from slt.laws.mean_error import (
    ExponentialFit,
    expected_shortfall,
    exponential_fit,
    fitted_mean_exponent,
    normal_shortfall,
    reach_failure_probability,
)
from slt.laws.needed_width import Band, needed_width, proportion_band, quantile_band
from slt.laws.networks import (
    expected_misses,
    layer_no_miss_probability,
    needed_width_quantile,
    network_error_quantile,
    network_no_miss_probability,
    worst_error,
    worst_error_quantile,
)
from slt.laws.overlap import ChanceOverlap, chance_cosine, chance_hamming, chance_jaccard
from slt.laws.partial_sources import (
    cover_probability,
    locked_factor,
    locked_quantile,
    locked_tail,
    thinned_quantile,
    thinned_tail,
)
from slt.laws.partition import partition_quantile, partition_scale, partition_tail
from slt.laws.random_subset_sum import (
    average_error_quantile,
    average_miss_probability,
    error_quantile,
    finite_size_factor,
    geometric_mean_error,
    mean_error_at_zero,
    median_error,
    miss_probability,
    mixture_tail,
    near_zero_tail,
    needed_items,
    typical_scale,
)
from slt.laws.reach import reach_tail
from slt.laws.two_layer_sums import (
    PAPER,
    SIGN_OPTIMAL,
    LayerSums,
    Split,
    block_error_slope,
    weight_miss_probability,
    worst_error_slope,
)
from slt.laws.vectors import vector_geometric_mean, vector_quantile, vector_tail
from slt.laws.windows import window_probability

__all__ = [
    "NORMAL",
    "NORMAL_PRODUCT",
    "PAPER",
    "SIGN_OPTIMAL",
    "UNIFORM",
    "UNIFORM_PRODUCT",
    "AttentionWidths",
    "Band",
    "BlockWidths",
    "ChanceOverlap",
    "ExponentialFit",
    "ItemLaw",
    "LayerSums",
    "Split",
    "all_bins_filled",
    "all_targets_error",
    "all_targets_quantile",
    "all_targets_tail",
    "attention_error_slope",
    "attention_widths",
    "average_error_quantile",
    "average_miss_probability",
    "best_initial_scale",
    "block_error_slope",
    "block_widths",
    "chance_cosine",
    "chance_hamming",
    "chance_jaccard",
    "cover_probability",
    "error_quantile",
    "expected_misses",
    "expected_shortfall",
    "exponential_fit",
    "fewest_items_tail",
    "finite_size_factor",
    "fitted_mean_exponent",
    "fixed_size_geometric_mean",
    "fixed_size_quantile",
    "fixed_size_tail",
    "geometric_mean_error",
    "golden_ratio_bound",
    "hyperbolic_bin_probability",
    "largest_residual_quantile",
    "layer_no_miss_probability",
    "locked_factor",
    "locked_quantile",
    "locked_tail",
    "mean_error_at_zero",
    "median_error",
    "miss_probability",
    "mixture_tail",
    "near_zero_tail",
    "needed_attention_width",
    "needed_items",
    "needed_perturbed_items",
    "needed_quantised_items",
    "needed_samples",
    "needed_width",
    "needed_width_quantile",
    "network_error_quantile",
    "network_no_miss_probability",
    "no_residual_beyond_probability",
    "normal_shortfall",
    "output_error_quantile",
    "partition_quantile",
    "partition_scale",
    "partition_tail",
    "perturbed_exact_probability",
    "proportion_band",
    "quantile_band",
    "quantised_exact_probability",
    "reach_failure_probability",
    "reach_tail",
    "scaled_error_quantile",
    "thinned_quantile",
    "thinned_tail",
    "transformer_widths",
    "typical_scale",
    "vector_geometric_mean",
    "vector_quantile",
    "vector_tail",
    "weight_miss_probability",
    "window_probability",
    "worst_error",
    "worst_error_quantile",
    "worst_error_slope",
]
