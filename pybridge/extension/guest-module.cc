// SPDX-License-Identifier: GPL-2.0-only
#include "bridge/wait.h"
#include "guest-segment.h"

#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>

namespace nb = nanobind;
using namespace qntn;
using Outcome = GuestSegment::Outcome;

namespace
{

int64_t
Nanoseconds(double seconds)
{
    return static_cast<int64_t>(seconds * 1e9);
}

Outcome
Checked(Outcome outcome)
{
    if (outcome == Outcome::INTERRUPTED)
    {
        throw nb::python_error();
    }
    return outcome;
}

} // namespace

NB_MODULE(_guest, module)
{
    module.doc() = "The shared memory of simulations written for ns3-ai.";
    nb::exception<GuestFault>(module, "GuestFault");
    nb::enum_<Outcome>(module, "Outcome")
        .value("READY", Outcome::READY)
        .value("TIMED_OUT", Outcome::TIMED_OUT)
        .value("SOCKET_EVENT", Outcome::SOCKET_EVENT);
    nb::class_<GuestSegment>(module, "GuestSegment")
        .def(
            "__init__",
            [](GuestSegment* self,
               const std::string& name,
               size_t bytes,
               bool vectors,
               const std::string& cppName,
               size_t cppBytes,
               size_t cppItems,
               const std::string& pythonName,
               size_t pythonBytes,
               size_t pythonItems,
               const std::string& lockable)
            {
                new (self) GuestSegment(name,
                                        bytes,
                                        vectors,
                                        {cppName, cppBytes, cppItems},
                                        {pythonName, pythonBytes, pythonItems},
                                        lockable);
            },
            nb::arg("name"),
            nb::arg("num_bytes"),
            nb::arg("vectors"),
            nb::arg("cpp_name"),
            nb::arg("cpp_bytes"),
            nb::arg("cpp_items"),
            nb::arg("python_name"),
            nb::arg("python_bytes"),
            nb::arg("python_items"),
            nb::arg("lockable"))
        .def(
            "wait_for_message",
            [](GuestSegment& self, int socket, double timeoutS, double spinS)
            {
                return Checked(self.WaitForMessage(socket,
                                                   NowNs() + Nanoseconds(timeoutS),
                                                   Nanoseconds(spinS)));
            },
            nb::arg("socket"),
            nb::arg("timeout_s"),
            nb::arg("spin_s"))
        .def(
            "wait_for_room",
            [](GuestSegment& self, int socket, double timeoutS, double spinS)
            {
                return Checked(
                    self.WaitForRoom(socket, NowNs() + Nanoseconds(timeoutS), Nanoseconds(spinS)));
            },
            nb::arg("socket"),
            nb::arg("timeout_s"),
            nb::arg("spin_s"))
        .def("read",
             [](const GuestSegment& self)
             {
                 const auto message = self.Read();
                 return nb::bytes(reinterpret_cast<const char*>(message.data()), message.size());
             })
        .def("release", &GuestSegment::Release)
        .def(
            "write",
            [](GuestSegment& self, const nb::bytes& message)
            { self.Write(reinterpret_cast<const uint8_t*>(message.c_str()), message.size()); },
            nb::arg("message"))
        .def_prop_ro("finished", &GuestSegment::IsFinished);
}
