import os
import re

from conan import ConanFile
from conan.tools.build import check_min_cppstd
from conan.tools.cmake import CMake, CMakeDeps, CMakeToolchain, cmake_layout
from conan.tools.files import copy, load, rmdir

required_conan_version = ">=2.4"


class CoroexecConan(ConanFile):
    name = "coroexec"
    description = "Bounded structured concurrency for Boost.Asio coroutines"
    license = "BSL-1.0"
    topics = ("asio", "coroutines", "structured-concurrency", "executor")
    package_type = "library"
    settings = "os", "arch", "compiler", "build_type"
    options = {
        "shared": [True, False],
        "fPIC": [True, False],
    }
    default_options = {
        "shared": False,
        "fPIC": True,
    }
    implements = ["auto_shared_fpic"]
    languages = ["C++"]
    exports_sources = "CMakeLists.txt", "LICENSE", "cmake/*", "include/*", "src/*", "tools/*"

    def set_version(self):
        project = load(self, os.path.join(self.recipe_folder, "CMakeLists.txt"))
        self.version = re.search(r"project\(coroexec\s+VERSION ([\d.]+)", project).group(1)

    def layout(self):
        cmake_layout(self)

    def requirements(self):
        # Our headers include Asio's.
        self.requires("boost/[>=1.81 <2]", transitive_headers=True)

    def build_requirements(self):
        self.tool_requires("cmake/[>=3.25]")

    def validate(self):
        check_min_cppstd(self, 20)

    def generate(self):
        tc = CMakeToolchain(self)
        tc.cache_variables["COROEXEC_BUILD_TESTS"] = False
        tc.cache_variables["COROEXEC_BUILD_EXAMPLES"] = False
        tc.cache_variables["COROEXEC_BUILD_BENCH"] = False
        tc.cache_variables["COROEXEC_BUILD_DOCS"] = False
        tc.cache_variables["COROEXEC_BUILD_FUZZERS"] = False
        tc.cache_variables["COROEXEC_WITH_NATS"] = False
        tc.generate()
        CMakeDeps(self).generate()

    def build(self):
        cmake = CMake(self)
        cmake.configure()
        cmake.build()

    def package(self):
        copy(self, "LICENSE", self.source_folder, os.path.join(self.package_folder, "licenses"))
        cmake = CMake(self)
        cmake.install()
        # Conan makes these itself, for the place where the package is used.
        rmdir(self, os.path.join(self.package_folder, "lib", "cmake"))
        rmdir(self, os.path.join(self.package_folder, "lib", "pkgconfig"))
        rmdir(self, os.path.join(self.package_folder, "share"))

    def package_info(self):
        self.cpp_info.set_property("cmake_file_name", "coroexec")
        self.cpp_info.set_property("cmake_target_name", "coroexec::coroexec")
        self.cpp_info.set_property("pkg_config_name", "coroexec")
        self.cpp_info.libs = ["coroexec"]
        self.cpp_info.requires = ["boost::headers"]
        if not self.options.shared:
            self.cpp_info.defines = ["COROEXEC_STATIC"]
        if self.settings.os in ["Linux", "FreeBSD"]:
            self.cpp_info.system_libs = ["pthread"]
