/* SPDX-License-Identifier: MIT
 *
 * model.h - the name of the one model that is listed. Answers name whichever model was asked
 * for. */
#ifndef AG_ENGINE_MODEL_H
#define AG_ENGINE_MODEL_H

#define MODEL_NAME "stand-in"

#endif
