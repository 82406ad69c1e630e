# Everything comes from Debian 12; `./dev` installs the packages.
find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS json url)
find_package(OpenSSL 3.0 REQUIRED)
find_package(Protobuf REQUIRED)
find_package(absl CONFIG REQUIRED)
find_package(gRPC CONFIG REQUIRED)
find_package(spdlog REQUIRED)
find_package(fmt REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(prometheus-cpp CONFIG REQUIRED)
find_package(GTest REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(hiredis REQUIRED IMPORTED_TARGET hiredis)
pkg_check_modules(pqxx REQUIRED IMPORTED_TARGET libpqxx)
pkg_check_modules(cares REQUIRED IMPORTED_TARGET libcares)

# The allocator of the agent (docs/adr/0024); first among what they link, so that it
# is found before the C library's. Sanitizers bring one of their own.
add_library(quorate_allocator INTERFACE)
if(NOT QUORATE_SANITIZE)
  find_package(mimalloc REQUIRED)
  target_link_libraries(quorate_allocator INTERFACE mimalloc)
endif()
