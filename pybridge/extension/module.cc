// SPDX-License-Identifier: GPL-2.0-only
#include "module.h"

#include "bridge/wait.h"
#include "exchange.h"

#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/vector.h>

namespace nb = nanobind;
using namespace qntn;

namespace
{

/// Waits for one environment; raises what a signal handler raised.
Outcome
Wait(Exchange& exchange, uint32_t environment, double timeoutS, double spinS)
{
    const auto deadline = NowNs() + static_cast<int64_t>(timeoutS * 1e9);
    const auto outcome = exchange.Wait(environment, deadline, static_cast<int64_t>(spinS * 1e9));
    if (outcome == Outcome::INTERRUPTED)
    {
        throw nb::python_error();
    }
    return outcome;
}

/// Hands actions to all environments, then waits for each of them.
/// \return the first environment whose state did not come, and why
std::optional<std::pair<uint32_t, Outcome>>
Step(Exchange& exchange,
     const std::vector<uint32_t>& environments,
     uint32_t buffer,
     double timeoutS,
     double spinS)
{
    for (const auto environment : environments)
    {
        exchange.Post(environment, 0, buffer);
    }
    for (const auto environment : environments)
    {
        if (const auto outcome = Wait(exchange, environment, timeoutS, spinS);
            outcome != Outcome::READY)
        {
            return std::pair{environment, outcome};
        }
    }
    return std::nullopt;
}

} // namespace

NB_MODULE(_core, module)
{
    module.doc() =
        "The compiled half of pybridge: the exchange in shared memory and the models' formulas.";
    module.attr("PROTOCOL_VERSION") = PROTOCOL_VERSION;
    module.attr("BYTE_ORDER_MARK") = BYTE_ORDER_MARK;
    module.attr("CONTROL_BLOCK_BYTES") = sizeof(ControlBlock);

    nb::enum_<Outcome>(module, "Outcome")
        .value("READY", Outcome::READY)
        .value("TIMED_OUT", Outcome::TIMED_OUT)
        .value("SOCKET_EVENT", Outcome::SOCKET_EVENT);

    nb::class_<Exchange>(module, "Exchange")
        .def(nb::init<uint32_t, size_t>(), nb::arg("num_environments"), nb::arg("num_bytes"))
        .def_prop_ro("memory",
                     [](nb::handle self)
                     {
                         auto& exchange = nb::cast<Exchange&>(self);
                         return nb::ndarray<nb::numpy, uint8_t, nb::ndim<1>>(exchange.GetMemory(),
                                                                             {exchange.GetBytes()},
                                                                             self);
                     })
        .def_prop_ro("descriptor", &Exchange::GetDescriptor)
        .def("seat", &Exchange::Seat, nb::arg("environment"), nb::arg("socket"), nb::arg("buffer"))
        .def("post", &Exchange::Post, nb::arg("environment"), nb::arg("command"), nb::arg("buffer"))
        .def("wait", &Wait, nb::arg("environment"), nb::arg("timeout_s"), nb::arg("spin_s"))
        .def("step",
             &Step,
             nb::arg("environments"),
             nb::arg("buffer"),
             nb::arg("timeout_s"),
             nb::arg("spin_s"))
        .def("close_file", &Exchange::CloseFile)
        .def("status", &Exchange::GetStatus, nb::arg("environment"))
        .def("time_ns", &Exchange::GetTimeNs, nb::arg("environment"));

    BindPeer(module);
    auto models = module.def_submodule("models", "The formulas that the simulation itself uses.");
    BindModels(models);
}
