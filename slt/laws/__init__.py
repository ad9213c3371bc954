"""Laws: predicted errors and widths, as functions, and the statistics to hold them against measurements.

Predictions are not theorems: each docstring says where its formula comes from and how well it was checked.
"""

from slt.laws.item_laws import NORMAL, NORMAL_PRODUCT, UNIFORM, UNIFORM_PRODUCT, ItemLaw
from slt.laws.needed_width import Band, needed_width, proportion_band, quantile_band
from slt.laws.networks import (
    expected_misses,
    layer_no_miss_probability,
    needed_width_quantile,
    network_error_quantile,
    network_no_miss_probability,
)
from slt.laws.random_subset_sum import (
    average_miss_probability,
    error_quantile,
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

__all__ = [
    "NORMAL",
    "NORMAL_PRODUCT",
    "PAPER",
    "SIGN_OPTIMAL",
    "UNIFORM",
    "UNIFORM_PRODUCT",
    "Band",
    "ItemLaw",
    "LayerSums",
    "Split",
    "average_miss_probability",
    "block_error_slope",
    "error_quantile",
    "expected_misses",
    "geometric_mean_error",
    "layer_no_miss_probability",
    "mean_error_at_zero",
    "median_error",
    "miss_probability",
    "mixture_tail",
    "near_zero_tail",
    "needed_items",
    "needed_width",
    "needed_width_quantile",
    "network_error_quantile",
    "network_no_miss_probability",
    "proportion_band",
    "quantile_band",
    "reach_tail",
    "typical_scale",
    "weight_miss_probability",
    "worst_error_slope",
]
