# quorate_library(NAME SOURCES file… [DEPENDS target…]): a static library, included by paths from
# the top of the tree.
function(quorate_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPENDS" ${ARGN})
  add_library(${name} STATIC ${arg_SOURCES})
  target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR})
  target_link_libraries(${name} PUBLIC ${arg_DEPENDS})
endfunction()

# quorate_daemon(NAME SOURCES file… [DEPENDS target…]): a binary in bin/.
function(quorate_daemon name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPENDS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE ${arg_DEPENDS})
endfunction()

# quorate_test(NAME SUITE suite SOURCES file… [DEPENDS target…] [TIMEOUT s] [PRECOMPILED set]
# [FAULT pattern…]): one GoogleTest binary, one ctest entry, labelled with its suite (unit, integration, simulation). Tests
# that match a FAULT pattern (crashes, stores that go away) are an entry of their own, labelled
# `fault`, and run there alone.
function(quorate_test name)
  cmake_parse_arguments(arg "" "SUITE;TIMEOUT;PRECOMPILED" "SOURCES;DEPENDS;FAULT" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR})
  target_compile_definitions(${name} PRIVATE QUORATE_SOURCE_DIR="${CMAKE_SOURCE_DIR}"
                                             QUORATE_BINARY_DIR="${CMAKE_BINARY_DIR}")
  target_link_libraries(${name} PRIVATE ${arg_DEPENDS} GTest::gmock GTest::gtest_main)
  target_compile_options(${name} PRIVATE -pthread)
  if(NOT arg_PRECOMPILED)
    set(arg_PRECOMPILED quorate_precompiled_test)
  endif()
  quorate_precompile_as(${name} ${arg_PRECOMPILED})
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  list(JOIN arg_FAULT ":" faults)
  if(faults)
    quorate_test_entry(${arg_SUITE} ${name} "-${faults}" ${arg_TIMEOUT})
    quorate_test_entry(fault ${name} "${faults}" ${arg_TIMEOUT})
  else()
    quorate_test_entry(${arg_SUITE} ${name} "*" ${arg_TIMEOUT})
  endif()
endfunction()

# One ctest entry of a GoogleTest binary; a filter that matches no test fails. Where ctest knows no times
# of earlier runs, its timeout says how long it is, and the longest begin.
function(quorate_test_entry suite name filter timeout)
  add_test(NAME ${suite}.${name} COMMAND ${name} "--gtest_filter=${filter}")
  set_tests_properties(${suite}.${name} PROPERTIES LABELS ${suite} TIMEOUT ${timeout} COST ${timeout}
                       FAIL_REGULAR_EXPRESSION "Running 0 tests from 0 test suites")
endfunction()
