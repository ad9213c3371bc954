"""The data sets that ``slt data get`` knows.

Sizes and SHA-256 sums of the files as they are served are those of TensorFlow Datasets' lists, and agree with
torchvision's MD5 sums wherever both are published; MD5 sums of unpacked contents are those that several projects check
by. Each was found in at least two places.
"""

from __future__ import annotations

from slt.downloads import Dataset, GzippedFile, UnpackedFolder
from slt.mirrors import RemoteFile
from slt.unpacking import Member

_MNIST_MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://raw.githubusercontent.com/fgnt/mnist/master/",
)
_FASHION_MIRRORS = (
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
)
_CIFAR_MIRRORS = (
    "https://www.cs.toronto.edu/~kriz/",
    "https://cave.cs.toronto.edu/kriz/",
    "https://mindspore-website.obs.cn-north-4.myhuaweicloud.com/notebook/datasets/",
)

MNIST = Dataset(
    "mnist",
    "mnist",
    "70,000 handwritten digits, 28 x 28 grey (LeCun, Cortes and Burges 1998)",
    (
        GzippedFile(
            RemoteFile(
                "train-images-idx3-ubyte.gz",
                9_912_422,
                "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
                _MNIST_MIRRORS,
            ),
            "6bbc9ace898e44ae57da46a324031adb",
        ),
        GzippedFile(
            RemoteFile(
                "train-labels-idx1-ubyte.gz",
                28_881,
                "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
                _MNIST_MIRRORS,
            ),
            "a25bea736e30d166cdddb491f175f624",
        ),
        GzippedFile(
            RemoteFile(
                "t10k-images-idx3-ubyte.gz",
                1_648_877,
                "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
                _MNIST_MIRRORS,
            ),
            "2646ac647ad5339dbf082846283269ea",
        ),
        GzippedFile(
            RemoteFile(
                "t10k-labels-idx1-ubyte.gz",
                4_542,
                "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
                _MNIST_MIRRORS,
            ),
            "27ae3e4e09519cfbb04c329615203637",
        ),
    ),
)

FASHION_MNIST = Dataset(
    "fashion-mnist",
    "fashion-mnist",
    "70,000 pieces of clothing, 28 x 28 grey (Xiao, Rasul and Vollgraf 2017)",
    (
        GzippedFile(
            RemoteFile(
                "train-images-idx3-ubyte.gz",
                26_421_880,
                "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
                _FASHION_MIRRORS,
            ),
            "f4a8712d7a061bf5bd6d2ca38dc4d50a",
        ),
        GzippedFile(
            RemoteFile(
                "train-labels-idx1-ubyte.gz",
                29_515,
                "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
                _FASHION_MIRRORS,
            ),
            "9018921c3c673c538a1fc5bad174d6f9",
        ),
        GzippedFile(
            RemoteFile(
                "t10k-images-idx3-ubyte.gz",
                4_422_102,
                "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
                _FASHION_MIRRORS,
            ),
            "8181f5470baa50b63fa0f6fddb340f0a",
        ),
        GzippedFile(
            RemoteFile(
                "t10k-labels-idx1-ubyte.gz",
                5_148,
                "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
                _FASHION_MIRRORS,
            ),
            "15d484375f8d13e6eb1aabb0c3f46965",
        ),
    ),
)

CIFAR10 = Dataset(
    "cifar10",
    "cifar10",
    "60,000 colour photographs of ten classes, 32 x 32 (Krizhevsky 2009)",
    (
        UnpackedFolder(
            RemoteFile(
                "cifar-10-binary.tar.gz",
                170_052_171,
                "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
                _CIFAR_MIRRORS,
            ),
            "cifar-10-batches-bin",
            (
                Member("data_batch_1.bin", 30_730_000, "5dd7e06a14cb22eb9f671a540d1b7c25"),
                Member("data_batch_2.bin", 30_730_000, "5ea93a67294ea407fff1d09f752e9692"),
                Member("data_batch_3.bin", 30_730_000, "942cd6a4bcdd0dd3c604fbe906cb4421"),
                Member("data_batch_4.bin", 30_730_000, "ae636b3ba5c66a11e91e8cb52e771fcb"),
                Member("data_batch_5.bin", 30_730_000, "53f37980c15c3d472c316c40844f3f0d"),
                Member("test_batch.bin", 30_730_000, "803d5f7f4d78ea53de84dbe85f74fb6d"),
            ),
        ),
    ),
)

DATASETS = {dataset.name: dataset for dataset in (MNIST, FASHION_MNIST, CIFAR10)}
