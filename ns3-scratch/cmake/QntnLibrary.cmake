# SPDX-License-Identifier: GPL-2.0-only
if(QNTN_TESTS)
  add_library(qntn-test-main OBJECT ${PROJECT_SOURCE_DIR}/cmake/test-main.cc)
endif()

# One library of the tree.
#
#   qntn_add_library(ran
#     FORMULAS tbs.cc ...         pure C++ without ns-3 types, for Python too: target qntn-ran-formulas
#     MODELS ran-network.cc ...   ns-3 models: target qntn-ran
#     DEPENDS orbit               other libraries of the tree
#     TESTS test/tbs-test.cc ...) doctest, one program test-ran, run by ctest
function(qntn_add_library name)
  cmake_parse_arguments(arg "" "" "FORMULAS;MODELS;DEPENDS;TESTS" ${ARGN})
  set(CMAKE_UNITY_BUILD ${QNTN_UNITY})
  set(link_formulas "")
  set(link_models "")
  foreach(dependency IN LISTS arg_DEPENDS)
    list(APPEND link_formulas qntn-${dependency}-formulas)
    list(APPEND link_models qntn-${dependency})
  endforeach()

  add_library(qntn-${name}-formulas STATIC ${arg_FORMULAS})
  if(NOT arg_FORMULAS)
    file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/none.cc "")
    target_sources(qntn-${name}-formulas PRIVATE ${CMAKE_CURRENT_BINARY_DIR}/none.cc)
  endif()
  target_include_directories(qntn-${name}-formulas PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>)
  target_compile_options(qntn-${name}-formulas PRIVATE -Wall -Wextra -Werror)
  target_link_libraries(qntn-${name}-formulas PUBLIC ${link_formulas})

  if(arg_MODELS)
    add_library(qntn-${name} STATIC ${arg_MODELS})
    target_compile_options(qntn-${name} PRIVATE -Wall -Wextra -Werror)
    target_link_libraries(qntn-${name} PUBLIC qntn-${name}-formulas ${link_models}
                                              ns3::core ns3::network ns3::mobility ns3::stats)
  else()
    add_library(qntn-${name} INTERFACE)
    target_link_libraries(qntn-${name} INTERFACE qntn-${name}-formulas ${link_models})
  endif()

  if(QNTN_TESTS AND arg_TESTS)
    add_executable(test-${name} ${arg_TESTS})
    target_compile_options(test-${name} PRIVATE -Wall -Wextra -Werror)
    target_compile_definitions(test-${name} PRIVATE
      QNTN_REFERENCE_DIR="${PROJECT_SOURCE_DIR}/../tests/reference"
      QNTN_DATA_DIR="${PROJECT_SOURCE_DIR}/data")
    target_link_libraries(test-${name} PRIVATE qntn-${name} qntn-test-main)
    set_target_properties(test-${name} PROPERTIES BUILD_RPATH "${NS3_ROOT}/lib64")
    add_test(NAME ${name} COMMAND test-${name})
  endif()
endfunction()
