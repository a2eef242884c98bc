/* What is measured: the layers of a search space, and some whole networks. */
#ifndef ASC_LAYERS_H
#define ASC_LAYERS_H

typedef struct {
    const char *name;   /* key of a layer, or genotype of a network */
    const char *layers; /* of a network: the keys of its layers, quoted; else 0 */
    void (*compute)(void);
} asc_work;

extern const char *const asc_program;
extern const int asc_layer_count, asc_network_count;
extern const asc_work asc_layers[], asc_networks[];

#endif
