# One language level, one set of warnings, for every target of the project.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

set(QUORATE_SANITIZE "" CACHE STRING "sanitizers, as for -fsanitize=")

add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual
                    -Werror -fno-strict-overflow)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # With optimisation GCC 12 sees Asio's coroutine frames given back by the operator delete that
  # belongs to their operator new, and takes it for another one's.
  add_compile_options(-Wno-mismatched-new-delete)
endif()
# RelWithDebInfo keeps assertions out and line tables in: a crash of a daemon can be read.
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g1 -DNDEBUG")
# Line tables are enough to read a stack, and debug information is most of a build's time.
set(CMAKE_CXX_FLAGS_DEBUG "-g1")

if(QUORATE_SANITIZE)
  # What a sanitizer finds ends the program: a message that nobody reads is no finding.
  add_compile_options(-fsanitize=${QUORATE_SANITIZE} -fno-sanitize-recover=all
                      -fno-omit-frame-pointer -O1)
  add_link_options(-fsanitize=${QUORATE_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # GCC's TSan does not model fences and says so for each one inside Asio; UBSan's checks of null
    # make GCC 12 warn about code in the standard library.
    add_compile_options(-Wno-tsan -Wno-maybe-uninitialized -Wno-null-dereference)
  endif()
endif()

option(QUORATE_COVERAGE "count which lines run, for gcov" OFF)
if(QUORATE_COVERAGE)
  # Threads count the same line: without atomic counters some of it is lost.
  add_compile_options(--coverage -fprofile-update=atomic)
  add_link_options(--coverage)
endif()

# Asio's and Beast's function bodies are compiled once, in platform/runtime.
add_compile_definitions(BOOST_ASIO_SEPARATE_COMPILATION BOOST_BEAST_SEPARATE_COMPILATION
                        BOOST_ASIO_NO_DEPRECATED SPDLOG_COMPILED_LIB SPDLOG_FMT_EXTERNAL)
