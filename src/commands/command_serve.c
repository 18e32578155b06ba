/* SPDX-License-Identifier: MIT
 *
 * command_serve.c - `attach-gateway [serve]`: loads the configuration and runs the gateway, or with
 * --check says what it would expose. */
#include "commands/commands.h"
#include "gateway/process.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

extern char **environ;
