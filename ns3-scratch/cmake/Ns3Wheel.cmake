# SPDX-License-Identifier: GPL-2.0-only
# Imported targets ns3::<module> for the libraries of the wheel ns3==3.44.post0.
#
# The wheel's own CMake package names include folders and libraries of the machine that built it, so the
# targets are made here. The defines are those the wheel was built with: without them object layouts
# differ. See https://www.nsnam.org for the modules.
find_package(Python 3.11 REQUIRED COMPONENTS Interpreter)
execute_process(
  COMMAND ${Python_EXECUTABLE} -c
          "import importlib.util as u; s = u.find_spec('ns3'); print(s.submodule_search_locations[0] if s else '')"
  OUTPUT_VARIABLE NS3_ROOT OUTPUT_STRIP_TRAILING_WHITESPACE)
if(NOT IS_DIRECTORY "${NS3_ROOT}/include")
  message(FATAL_ERROR "The ns-3 wheel is not installed for ${Python_EXECUTABLE}.\n"
                      "Install it with: ${Python_EXECUTABLE} -m pip install --no-deps ns3==3.44.post0")
endif()

set(NS3_MODULES "") # a scenario may use any of them
foreach(library IN ITEMS core network mobility stats antenna propagation spectrum bridge
                         traffic-control internet internet-apps applications point-to-point csma wifi
                         energy buildings flow-monitor lte lr-wpan olsr aodv mesh nix-vector-routing
                         config-store virtual-net-device)
  set(file ${NS3_ROOT}/lib64/libns3.44-${library}.so)
  if(NOT EXISTS ${file})
    message(FATAL_ERROR "${file} is missing: expected the wheel ns3==3.44.post0")
  endif()
  list(APPEND NS3_MODULES ns3::${library})
  add_library(ns3::${library} SHARED IMPORTED GLOBAL)
  set_target_properties(ns3::${library} PROPERTIES
    IMPORTED_LOCATION ${file}
    INTERFACE_INCLUDE_DIRECTORIES ${NS3_ROOT}/include
    INTERFACE_SYSTEM_INCLUDE_DIRECTORIES ${NS3_ROOT}/include
    INTERFACE_COMPILE_DEFINITIONS "NS3_LOG_ENABLE;NS3_ASSERT_ENABLE"
    INTERFACE_LINK_OPTIONS "-Wl,--as-needed;-Wl,--allow-shlib-undefined;-Wl,-rpath-link,${NS3_ROOT}/lib64")
endforeach()
