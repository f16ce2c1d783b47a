# SPDX-License-Identifier: GPL-2.0-only
# Makes the installed package complete: the ns-3 libraries that the scenarios need travel inside it, and
# so does what `qntn build --scenarios DIR` needs to build a user's own.
set(libraries qntn-scenario qntn-wire)
foreach(name IN ITEMS orbit ran qkd metaverse bridge)
  if(TARGET qntn-${name})
    list(APPEND libraries qntn-${name} qntn-${name}-formulas)
  endif()
endforeach()
install(TARGETS ${libraries} EXPORT qntn-targets
  ARCHIVE DESTINATION ${QNTN_INSTALL_DIR}/sdk/lib
  INCLUDES DESTINATION ${QNTN_INSTALL_DIR}/sdk/include)
install(EXPORT qntn-targets NAMESPACE qntn-sdk:: DESTINATION ${QNTN_INSTALL_DIR}/sdk/cmake)
install(DIRECTORY orbit ran qkd metaverse bridge DESTINATION ${QNTN_INSTALL_DIR}/sdk/include
  FILES_MATCHING PATTERN "*.h" PATTERN "test" EXCLUDE PATTERN "fuzz" EXCLUDE)
install(FILES ${PROJECT_BINARY_DIR}/bridge/generated/qntn.pb.h
  DESTINATION ${QNTN_INSTALL_DIR}/sdk/include)
install(FILES cmake/Ns3Wheel.cmake cmake/QntnScenario.cmake DESTINATION ${QNTN_INSTALL_DIR}/sdk/cmake)
install(FILES cmake/user-scenarios.cmake DESTINATION ${QNTN_INSTALL_DIR}/sdk RENAME CMakeLists.txt)

set(programs "$<TARGET_FILE:ran-bench>")
foreach(scenario IN LISTS scenarios)
  cmake_path(GET scenario STEM name)
  list(APPEND programs "$<TARGET_FILE:scenario-${name}>")
endforeach()
install(CODE "
  file(GET_RUNTIME_DEPENDENCIES
    EXECUTABLES ${programs}
    DIRECTORIES ${NS3_ROOT}/lib64
    RESOLVED_DEPENDENCIES_VAR found UNRESOLVED_DEPENDENCIES_VAR missing
    POST_INCLUDE_REGEXES ^${NS3_ROOT}/ POST_EXCLUDE_REGEXES .*)
  foreach(library IN LISTS found)
    file(INSTALL \${library} DESTINATION \${CMAKE_INSTALL_PREFIX}/${QNTN_INSTALL_DIR}/lib FOLLOW_SYMLINK_CHAIN)
  endforeach()")
