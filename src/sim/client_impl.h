/* sim/client_impl.h -- what the files of the clients share; nobody else includes it.
 *
 * Shape:      client.c has all of them; client_draw.c what they draw, client_ask.c whom they ask,
 *             client_told.c what they are told, client_wait.c what they wait for
 * Thread:     one
 */
#ifndef SIM_CLIENT_IMPL_H
#define SIM_CLIENT_IMPL_H

#include "sim/client.h"

/* ---- client_draw.c ---- */

/* sim_clients_draw_load -- what the run asks of its clients. */
void sim_clients_draw_load(struct sim_clients *all);

/* sim_client_draw -- what the next operation is; no attempt was made.
 * sim_client_reads -- it is a linearizable read of this key instead. */
void sim_client_draw(struct sim_client *c);
void sim_client_reads(struct sim_client *c, uint32_t key);

/* ---- client_ask.c ---- */

/* sim_client_ask -- the open operation, of a host that was entered; it is left again.
 * sim_client_attempt -- of a host that it picks; when there is none it has failed. */
void sim_client_ask(struct sim_client *c, struct sim_host *h);
void sim_client_attempt(struct sim_client *c);

/* ---- client_told.c ---- */

/* sim_client_begin -- the operation that was drawn is open: it is written down, with what it may
 * come to. */
void sim_client_begin(struct sim_client *c);

/* sim_client_told -- the end of a call, as service.h has it. */
void sim_client_told(struct service_call *call, const struct service_reply *reply);

/* sim_client_failed -- an attempt did not take effect, or (unknown) nobody knows. With a request id
 * it is made again elsewhere, else the operation ends. */
void sim_client_failed(struct sim_client *c, bool unknown);

/* ---- client_wait.c ---- */

/* sim_client_think -- for a while that is drawn; then it begins an operation.
 * sim_client_again -- for a while that is drawn; then it makes another attempt.
 * sim_client_wait -- for the answer of the host that was asked, which has span_ns for it; when that
 * is over, with some grace, a call without an answer is a finding.
 * sim_client_wait_no_more -- nothing of these. */
void sim_client_think(struct sim_client *c);
void sim_client_again(struct sim_client *c);
void sim_client_wait(struct sim_client *c, uint64_t span_ns);
void sim_client_wait_no_more(struct sim_client *c);

#endif
