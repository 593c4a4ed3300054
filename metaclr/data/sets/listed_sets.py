"""Few-shot sets whose classes published lists divide: CUB by three rules, Meta-Dataset's, double MNIST."""

from __future__ import annotations

from pathlib import Path

from episodes import ImageSet
from metaclr.data.named_sets import NamedSet
from metaclr.data.published.class_lists import read_listed
from metaclr.data.request import Request

_THREE = ("train", "val", "test")
_CUB = ("cub", "CUB_200_2011/images", "CUB_200_2011", "cub/CUB_200_2011/images")
_HOW_CUB = (
    "download CUB_200_2011.tgz (vision.caltech.edu/datasets/cub_200_2011) and unpack it in the data root, or put its"
    " class folders into DATA_ROOT/cub"
)


def listed(
    name: str, about: str, split: str, classes: int, images: int, homes: tuple[str, ...], how: str,
    parts: tuple[str, ...] = _THREE,
) -> NamedSet:  # fmt: skip
    """A set of class folders below the first of `homes` that the data root has, divided by a class list."""

    def find(root: Path) -> list[Path]:
        return [root / home for home in homes if (root / home).is_dir()][:1]

    def read(request: Request) -> ImageSet:
        assert request.root is not None
        return read_listed(find(request.root)[0], split, request)

    return NamedSet(name, about, classes, images, parts, homes, lambda _: how, find, read)


def _meta(
    name: str, about: str, classes: int, images: int, homes: tuple[str, ...], how: str, parts: tuple[str, ...] = _THREE
) -> NamedSet:
    return listed(f"meta_dataset/{name}", f"{about} (Meta-Dataset)", f"meta_dataset_{name}", classes, images, homes,
                  how, parts)  # fmt: skip


SETS = (
    listed("cub", "birds, 100 / 50 / 50 by Chen et al. 2019", "cub", 200, 11788, _CUB, _HOW_CUB),
    listed("cub_feat", "birds, other 100 / 50 / 50 (FEAT, Ye et al. 2020)", "cub_feat", 200, 11788, _CUB, _HOW_CUB),
    listed("cub_easyfsl", "birds, 140 / 30 / 30 (Hilliard et al. 2018)", "cub_easyfsl", 200, 11788, _CUB, _HOW_CUB),
    listed("double_mnist", "two digits an image, 64 / 16 / 20 (torchmeta)", "double_mnist", 100, 100000,
           ("double_mnist", "doublemnist", "double_mnist_seed_123_image_size_64_64"),
           "github.com/shaohua0116/MultiDigitMNIST writes it; put its class folders into DATA_ROOT/double_mnist"),
    _meta("cu_birds", "birds, 140 / 30 / 30", 200, 11788, _CUB, _HOW_CUB),
    _meta("fungi", "fungi, 994 / 200 / 200", 1394, 89760, ("fungi", "fungi_train_val/images", "fungi_train_val"),
          "download FGVCx Fungi 2018 (github.com/visipedia/fgvcx_fungi_comp) and put its class folders into"
          " DATA_ROOT/fungi"),
    _meta("quickdraw", "drawings, 241 / 52 / 52", 345, 50426266, ("quickdraw",),
          "put drawings of github.com/googlecreativelab/quickdraw-dataset as images into class folders of"
          " DATA_ROOT/quickdraw"),
    _meta("vgg_flower", "flowers, 71 / 15 / 16", 102, 8189, ("vgg_flower",),
          "put the images of robots.ox.ac.uk/~vgg/data/flowers/102 into class folders of DATA_ROOT/vgg_flower"),
    _meta("traffic_sign", "German traffic signs, all for testing", 43, 39209,
          ("traffic_sign", "GTSRB/Final_Training/Images", "GTSRB"),
          "download GTSRB_Final_Training_Images.zip (benchmark.ini.rub.de) and put its class folders into"
          " DATA_ROOT/traffic_sign", ("test",)),
    _meta("mscoco", "objects cut from MSCOCO, 40 for validation and 40 for testing", 80, 860001, ("mscoco",),
          "cut the boxes of cocodataset.org train2017 into class folders of DATA_ROOT/mscoco", ("val", "test")),
)  # fmt: skip
