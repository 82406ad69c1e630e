# What is heavy and never changes is parsed once (docs/adr/0049-precompiled-headers.md). A file includes what it uses all the
# same: clang-tidy, clang and QUORATE_PRECOMPILE=OFF read it without.
option(QUORATE_PRECOMPILE "precompile third-party headers" ON)
if(QUORATE_PRECOMPILE AND NOT CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  set(QUORATE_PRECOMPILE OFF)
endif()

if(QUORATE_PRECOMPILE)
  # For ccache; and what some libraries' users must define is the same for all who share a set.
  add_compile_options(-fpch-preprocess)
  add_compile_definitions(FMT_SHARED _FILE_OFFSET_BITS=64)
endif()

set(precompiled_asio
    <boost/asio/any_io_executor.hpp> <boost/asio/as_tuple.hpp> <boost/asio/awaitable.hpp> <boost/asio/co_spawn.hpp>
    <boost/asio/io_context.hpp> <boost/asio/ip/tcp.hpp> <boost/asio/steady_timer.hpp> <boost/asio/this_coro.hpp>
    <boost/asio/use_awaitable.hpp>)
set(precompiled_std <algorithm> <chrono> <functional> <map> <memory> <optional> <set> <string> <unordered_map> <vector>)

# What GCC 12 wrongly sees inside the standard library's strings it says where they come out of a set.
function(quorate_lenient target)
  target_compile_options(${target} PRIVATE -Wno-array-bounds -Wno-restrict -Wno-stringop-overflow -Wno-stringop-overread)
endfunction()

# quorate_precompile(TARGET header…): a set of the target's own.
function(quorate_precompile target)
  if(QUORATE_PRECOMPILE)
    target_precompile_headers(${target} PRIVATE ${ARGN})
    quorate_lenient(${target})
  endif()
endfunction()

# quorate_precompile_as(TARGET SET): a set that several targets share.
function(quorate_precompile_as target set)
  if(QUORATE_PRECOMPILE)
    target_precompile_headers(${target} REUSE_FROM ${set})
    quorate_lenient(${target})
  endif()
endfunction()

function(quorate_shared_set name)
  if(QUORATE_PRECOMPILE)
    cmake_parse_arguments(arg "" "" "HEADERS;DEPENDS" ${ARGN})
    add_library(${name} OBJECT ${CMAKE_SOURCE_DIR}/cmake/precompiled.cpp)
    target_link_libraries(${name} PRIVATE ${arg_DEPENDS})
    target_precompile_headers(${name} PRIVATE ${arg_HEADERS})
  endif()
endfunction()

quorate_shared_set(quorate_precompiled_asio HEADERS ${precompiled_std} ${precompiled_asio} <fmt/format.h>
                   DEPENDS Boost::headers OpenSSL::SSL fmt::fmt Threads::Threads)
# Tests: of any library, of those on Asio, of those on gRPC.
set(precompiled_test <gmock/gmock.h> <gtest/gtest.h>)
quorate_shared_set(quorate_precompiled_test HEADERS ${precompiled_std} ${precompiled_test}
                   DEPENDS GTest::gmock Threads::Threads)
quorate_shared_set(quorate_precompiled_asio_test
                   HEADERS ${precompiled_std} ${precompiled_asio} ${precompiled_test} <boost/json.hpp> <filesystem> <fstream>
                   DEPENDS Boost::headers Boost::json OpenSSL::SSL fmt::fmt GTest::gmock Threads::Threads)
quorate_shared_set(quorate_precompiled_admin_test
                   HEADERS ${precompiled_std} ${precompiled_asio} ${precompiled_test} <boost/json.hpp> <filesystem> <fstream>
                           <grpcpp/create_channel.h> <grpcpp/server.h> <pqxx/pqxx> <quorate/v1/admin.grpc.pb.h>
                   DEPENDS Boost::headers Boost::json OpenSSL::SSL fmt::fmt GTest::gmock PkgConfig::pqxx quorate_grpc
                           Threads::Threads)
if(QUORATE_PRECOMPILE)
  # As of those tests that link gRPC.
  foreach(set quorate_precompiled_test quorate_precompiled_asio_test quorate_precompiled_admin_test)
    target_compile_options(${set} PRIVATE -pthread)
  endforeach()
endif()
