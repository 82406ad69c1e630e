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

# quorate_test(NAME SUITE suite SOURCES file… [DEPENDS target…] [TIMEOUT s]): one GoogleTest binary,
# one ctest entry, labelled with its suite (unit, integration, simulation, fault).
function(quorate_test name)
  cmake_parse_arguments(arg "" "SUITE;TIMEOUT" "SOURCES;DEPENDS" ${ARGN})
  add_executable(${name} ${arg_SOURCES})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR})
  target_compile_definitions(${name} PRIVATE QUORATE_SOURCE_DIR="${CMAKE_SOURCE_DIR}"
                                             QUORATE_BINARY_DIR="${CMAKE_BINARY_DIR}")
  target_link_libraries(${name} PRIVATE ${arg_DEPENDS} GTest::gmock GTest::gtest_main)
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  add_test(NAME ${arg_SUITE}.${name} COMMAND ${name})
  set_tests_properties(${arg_SUITE}.${name} PROPERTIES LABELS ${arg_SUITE} TIMEOUT ${arg_TIMEOUT})
endfunction()
