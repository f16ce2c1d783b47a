# SPDX-License-Identifier: GPL-2.0-only
# Builds the scenarios of a user's own folder against an installed qntn; run by
# `qntn build --scenarios DIR`.
cmake_minimum_required(VERSION 3.25)
project(qntn-user-scenarios LANGUAGES CXX)

list(APPEND CMAKE_MODULE_PATH ${CMAKE_CURRENT_SOURCE_DIR}/cmake)
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_BUILD_TYPE RelWithDebInfo)
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g1")
set(QNTN_SCENARIO_RPATH ${CMAKE_CURRENT_SOURCE_DIR}/../lib)
set(QNTN_SCENARIO_WARNINGS -Wall -Wextra)

include(Ns3Wheel)
find_package(Protobuf REQUIRED)
include(qntn-targets)
add_library(qntn::scenario ALIAS qntn-sdk::qntn-scenario)
include(QntnScenario)

file(GLOB scenarios CONFIGURE_DEPENDS ${QNTN_USER_SCENARIOS}/*.cc)
if(NOT scenarios)
  message(FATAL_ERROR "no scenario in ${QNTN_USER_SCENARIOS}: expected <name>.cc and <name>.toml")
endif()
foreach(scenario IN LISTS scenarios)
  cmake_path(REPLACE_EXTENSION scenario LAST_ONLY toml OUTPUT_VARIABLE parameters)
  if(EXISTS ${parameters}) # `qntn build` names those without
    qntn_add_scenario(${scenario} DESTINATION .)
  endif()
endforeach()
