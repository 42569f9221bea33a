"""Builds screamrouter-sip: the Python packages of src/, and the C++ core of cpp/ as ``engine._engine``."""

import runpy
import shutil
import subprocess
import sys
from pathlib import Path

from setuptools import Extension, find_packages, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
CORE = "engine._engine"


def refuse_unsupported_host() -> None:
    """End with one sentence where the pjsua2 wheel does not exist; pip shows it instead of a traceback."""
    obstacle = runpy.run_path(str(ROOT / "scripts" / "supported_host.py"))["find_obstacle_here"]()
    if obstacle is not None:
        sys.exit(f"screamrouter-sip: {obstacle}")


def read_requirements(name: str) -> list[str]:
    """The requirements of one file, without comments."""
    lines = (ROOT / "requirements" / name).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


class CMakeBuild(build_ext):
    """Lets CMake and Ninja build the core. An in-place build keeps its build folder, so the next one is incremental."""

    is_in_place = False

    def run(self) -> None:
        """Build, remembering what setuptools forgets meanwhile: an in-place build is made elsewhere, then copied."""
        self.is_in_place = bool(self.inplace)
        super().run()

    def build_extension(self, ext: Extension) -> None:
        """Configure and build ``cpp/`` so that the extension lands where setuptools expects it."""
        target = Path(self.get_ext_fullpath(ext.name)).resolve()
        folder = ROOT / "build" / "core" if self.is_in_place else Path(self.build_temp).resolve() / "core"
        options = {
            "Python_EXECUTABLE": sys.executable,
            "pybind11_DIR": self._find_pybind11(),
        }
        arguments = [f"-D{name}={value}" for name, value in options.items()]
        self._run("cmake", "-S", str(ROOT), "-B", str(folder), "-G", "Ninja", *arguments, is_shown=False)
        self._run("cmake", "--build", str(folder))
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(folder / target.name, target)  # linked once, wherever setuptools wants it

    @staticmethod
    def _find_pybind11() -> str:
        command = [sys.executable, "-m", "pybind11", "--cmakedir"]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()  # noqa: S603  # ours

    @staticmethod
    def _run(*command: str, is_shown: bool = True) -> None:
        try:
            subprocess.run(command, check=True, stdout=None if is_shown else subprocess.DEVNULL)  # noqa: S603  # ours
        except FileNotFoundError:
            sys.exit(f"screamrouter-sip: `{command[0]}` is not installed; `make build` brings what is missing.")
        except subprocess.CalledProcessError as failure:
            sys.exit(f"screamrouter-sip: the C++ core did not build (`{command[0]}` ended with {failure.returncode}).")


class PageBuild(build_py):
    """Puts the page that ``scripts/build-page.sh`` has built beside the module that serves it."""

    def run(self) -> None:
        """Copy; a working copy is served from where it was built."""
        super().run()
        page = ROOT / "web" / "dist"
        if page.is_dir() and not self.editable_mode:
            shutil.copytree(page, Path(self.build_lib) / "api" / "page", dirs_exist_ok=True)


refuse_unsupported_host()
setup(
    name="screamrouter-sip",
    version="0.1.0",
    description="A SIP registrar and presence daemon that makes a LAN's audio devices find each other.",
    license="GPL-3.0-or-later",
    license_files=["LICENSE"],
    python_requires=">=3.11,<3.13",
    package_dir={"": "src"},
    packages=find_packages("src"),
    package_data={"": ["py.typed", "*.pyi"]},
    install_requires=read_requirements("run.txt"),
    ext_modules=[Extension(CORE, sources=[])],
    cmdclass={"build_ext": CMakeBuild, "build_py": PageBuild},
    entry_points={"console_scripts": ["screamrouter-sip = daemon.__main__:main"]},
    zip_safe=False,
)
