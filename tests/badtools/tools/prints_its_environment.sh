exec env
