# Debian packages of the components that ../CMakeLists.txt installs.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME quorate)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT "Quorate <quorate@example.com>")
set(CPACK_PACKAGE_DIRECTORY ${CMAKE_BINARY_DIR}/packages)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_COMPONENTS_ALL)  # quorate_package adds them
set(CPACK_COMPONENTS_GROUPING ONE_PER_GROUP)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

# quorate_package(NAME summary text [DEPENDS packages]): one package, with the maintainer scripts of a daemon where it is one.
macro(quorate_package name summary text)
  cmake_parse_arguments(arg "" "DEPENDS" "" ${ARGN})
  string(TOUPPER ${name} upper)
  list(APPEND CPACK_COMPONENTS_ALL ${name})
  set(CPACK_COMPONENT_${upper}_GROUP ${name})
  set(CPACK_DEBIAN_${upper}_PACKAGE_NAME ${name})
  set(CPACK_DEBIAN_${upper}_DESCRIPTION "${summary}\n${text}")
  set(CPACK_DEBIAN_${upper}_PACKAGE_DEPENDS "${arg_DEPENDS}")
  if("${name}" MATCHES "^quorate-(.*)$")
    set(daemon ${CMAKE_MATCH_1})
    list(APPEND CPACK_COMPONENTS_ALL ${name}-etc)
    set(CPACK_COMPONENT_${upper}-ETC_GROUP ${name})
    set(control ${CMAKE_CURRENT_BINARY_DIR}/control/${name})
    set(scripts)
    foreach(script postinst prerm postrm)
      configure_file(packages/${script}.in ${control}/${script} @ONLY
                     FILE_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
      list(APPEND scripts ${control}/${script})
    endforeach()
    file(WRITE ${control}/conffiles "/etc/quorate/${daemon}.yaml\n")
    set(CPACK_DEBIAN_${upper}_PACKAGE_CONTROL_EXTRA "${scripts};${control}/conffiles")
  endif()
endmacro()

set(about "Quorate watches MCP (Model Context Protocol) servers from several regions, and says what kind of trouble\na server is in when at least two of them agree.\n\n")
quorate_package(quorate "watch MCP servers from several regions: command line"
  "${about}This package has the command that asks and orders a coordinator, and probes a server by itself."
  DEPENDS "ca-certificates")
quorate_package(quorate-coordinator "watch MCP servers from several regions: coordinator"
  "${about}This package has the daemon that keeps the catalogue, plans looks and answers operators."
  DEPENDS "systemd, ca-certificates, tzdata")
quorate_package(quorate-agent "watch MCP servers from several regions: agent"
  "${about}This package has the daemon that looks at the servers; each region has one or more."
  DEPENDS "systemd, ca-certificates")
quorate_package(quorate-archiver "watch MCP servers from several regions: archiver"
  "${about}This package has the daemon that seals minutes, decides, and keeps incidents in Postgres."
  DEPENDS "systemd, ca-certificates, tzdata")

include(CPack)
