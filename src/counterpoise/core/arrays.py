"""Array types with named dimensions; the one place they are spelled out."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["AnyArray", "Bool1D", "Float1D", "Float2D", "Float3D", "Int1D", "Int2D", "Int3D", "Int8_1D", "UInt2D", "UInt8_1D"]

AnyArray: TypeAlias = NDArray[Any]
Bool1D: TypeAlias = NDArray[np.bool_]
Float1D: TypeAlias = NDArray[np.float64]
Float2D: TypeAlias = NDArray[np.float64]
Float3D: TypeAlias = NDArray[np.float64]
Int1D: TypeAlias = NDArray[np.int64]
Int2D: TypeAlias = NDArray[np.int64]
Int3D: TypeAlias = NDArray[np.int64]
Int8_1D: TypeAlias = NDArray[np.int8]
UInt2D: TypeAlias = NDArray[np.uint64]
UInt8_1D: TypeAlias = NDArray[np.uint8]
