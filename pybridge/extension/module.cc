// SPDX-License-Identifier: GPL-2.0-only
#include "module.h"

#include "exchange.h"

#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>

namespace nb = nanobind;
using namespace qntn;

namespace
{

int64_t
Deadline(double timeoutS)
{
    return NowNs() + static_cast<int64_t>(timeoutS * 1e9);
}

/// Raises what a signal handler raised during the wait.
Outcome
Checked(Outcome outcome)
{
    if (outcome == Outcome::INTERRUPTED)
    {
        throw nb::python_error();
    }
    return outcome;
}

Outcome
AwaitFirst(Exchange& exchange, uint32_t environment, double timeoutS)
{
    return Checked(exchange.AwaitFirst(environment, Deadline(timeoutS)));
}

/// \return the first environment whose state did not come, or None
std::optional<uint32_t>
Await(Exchange& exchange, double timeoutS)
{
    uint32_t environment;
    if (Checked(exchange.Await(Deadline(timeoutS), environment)) == Outcome::READY)
    {
        return std::nullopt;
    }
    return environment;
}

} // namespace

NB_MODULE(_core, module)
{
    module.doc() =
        "The compiled half of pybridge: the exchange in shared memory and the models' formulas.";
    module.attr("PROTOCOL_VERSION") = PROTOCOL_VERSION;
    module.attr("BYTE_ORDER_MARK") = BYTE_ORDER_MARK;
    module.attr("CONTROL_BLOCK_BYTES") = sizeof(ControlBlock);
    module.attr("STATE_BLOCKS") = STATE_BLOCKS;
    module.attr("SEATS") = Exchange::SEATS;

    nb::enum_<Outcome>(module, "Outcome")
        .value("READY", Outcome::READY)
        .value("TIMED_OUT", Outcome::TIMED_OUT)
        .value("SOCKET_EVENT", Outcome::SOCKET_EVENT);

    nb::class_<Exchange>(module, "Exchange")
        .def(nb::init<uint32_t, size_t, int64_t, int64_t>(),
             nb::arg("num_environments"),
             nb::arg("num_bytes"),
             nb::arg("spin_ns"),
             nb::arg("yield_ns"))
        .def_prop_ro("memory",
                     [](nb::handle self)
                     {
                         auto& exchange = nb::cast<Exchange&>(self);
                         return nb::ndarray<nb::numpy, uint8_t, nb::ndim<1>>(exchange.GetMemory(),
                                                                             {exchange.GetBytes()},
                                                                             self);
                     })
        .def_prop_ro("descriptor", &Exchange::GetDescriptor)
        .def("prepare", &Exchange::Prepare, nb::arg("environment"), nb::arg("socket"))
        .def("await_first", &AwaitFirst, nb::arg("environment"), nb::arg("timeout_s"))
        .def("seat", &Exchange::Seat, nb::arg("environment"))
        .def("post", &Exchange::Post, nb::arg("buffer"))
        .def("wait", &Await, nb::arg("timeout_s"))
        .def(
            "step",
            [](Exchange& exchange, uint32_t buffer, double timeoutS)
            {
                exchange.Post(buffer);
                return Await(exchange, timeoutS);
            },
            nb::arg("buffer"),
            nb::arg("timeout_s"))
        .def("close_file", &Exchange::CloseFile);
    BindStepPath(module);

    BindPeer(module);
    BindZmtp(module);
    auto models = module.def_submodule("models", "The formulas that the simulation itself uses.");
    BindModels(models);
}
