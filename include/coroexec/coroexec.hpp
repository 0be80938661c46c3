// The whole library.
#pragma once

#include "coroexec/aio_pool.hpp"
#include "coroexec/async_generator.hpp"
#include "coroexec/concurrent.hpp"
#include "coroexec/config.hpp"
#include "coroexec/coroutine_executor.hpp"
#include "coroexec/error.hpp"
#include "coroexec/generate.hpp"
#include "coroexec/iter_options.hpp"
#include "coroexec/itermap.hpp"
#include "coroexec/options.hpp"
#include "coroexec/outcome.hpp"
#include "coroexec/run.hpp"
#include "coroexec/task.hpp"
#include "coroexec/this_task.hpp"
#include "coroexec/wait.hpp"
