# SPDX-License-Identifier: GPL-2.0-only
# One scenario: <name>.cc, linked with everything of the tree, and <name>.toml beside it. All stock
# modules of ns-3 are offered to the linker, which keeps those that the program uses.
#
#   qntn_add_scenario(FILE DESTINATION DIR)   installs DIR/bin/<name> and DIR/scenarios/<name>.toml
#
# Both are the install component <name>.
function(qntn_add_scenario file)
  cmake_parse_arguments(arg "" "DESTINATION" "" ${ARGN})
  cmake_path(GET file STEM name)
  cmake_path(GET file PARENT_PATH folder)
  if(NOT EXISTS ${folder}/${name}.toml)
    message(FATAL_ERROR "${file} has no parameter file: expected ${folder}/${name}.toml")
  endif()
  add_executable(scenario-${name} ${file})
  target_compile_options(scenario-${name} PRIVATE ${QNTN_SCENARIO_WARNINGS})
  target_link_libraries(scenario-${name} PRIVATE qntn::scenario ${NS3_MODULES})
  set_target_properties(scenario-${name} PROPERTIES
    OUTPUT_NAME ${name}
    INSTALL_RPATH "${QNTN_SCENARIO_RPATH}"
    BUILD_RPATH "${NS3_ROOT}/lib64")
  install(TARGETS scenario-${name} RUNTIME DESTINATION ${arg_DESTINATION}/bin COMPONENT ${name})
  install(FILES ${folder}/${name}.toml DESTINATION ${arg_DESTINATION}/scenarios COMPONENT ${name})
endfunction()
