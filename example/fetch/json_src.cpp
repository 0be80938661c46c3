// Boost.JSON, compiled here once, so that the program needs Boost's headers only.
#include <boost/json/src.hpp>
